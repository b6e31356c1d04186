"""The function that answers alarms; it runs in AWS Lambda and knows nothing of Pulumi."""
