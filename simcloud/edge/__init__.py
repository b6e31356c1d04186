"""The CloudFront stand-in: behaviours, the viewer-request function in Node, the key-value store, the proxy."""
