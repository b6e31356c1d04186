"""The drill: the whole loop on the embedded clouds, with evidence. Started by `planb drill`."""
