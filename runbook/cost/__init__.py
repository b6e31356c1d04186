"""What the sites cost: real resources (Pulumi state) × dated list prices (data) × stated usage.

`walk.sheet` prices one stack, `report.make` puts the seed's tables beside it, `refresh.ask` gets new prices.
"""
