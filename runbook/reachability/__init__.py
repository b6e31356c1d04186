"""Who can reach whom on which port, computed from what a stack has deployed, and compared with what was decided.

`model` and `ports` know no cloud, `policies` only Kubernetes; `aws` reads a stack's exported state; `table` holds the
decisions. What is not understood is refused rather than guessed: a matrix that may be wrong proves nothing.
"""
