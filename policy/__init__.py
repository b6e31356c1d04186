"""The policy pack: what must hold for both stacks. `pulumi preview -s prod --policy-pack policy` runs it."""
