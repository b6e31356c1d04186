"""`planb watch`: sees that the bank is down, and pages a person or fails over; never on one bad probe."""
