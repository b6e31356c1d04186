"""`planb preflight`: would a failover work today? Small independent checks that read, and change nothing.

Daily from CI and as a failover's first look. A check that gets no answer in time says "could not be asked", which is
never "fine"; a cloud that is dark takes only its own checks with it.
"""
