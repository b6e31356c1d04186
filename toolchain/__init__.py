"""Set-up: finds or builds the pinned tools. Standard library only, since it runs before anything is installed."""
