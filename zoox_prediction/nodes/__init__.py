"""The ROS nodes: convert, one core call, convert, publish."""

import os

# Before numpy loads its BLAS: the matrices here are small, and threads that wait for more of them by spinning take the
# processor from the other nodes. Who knows better sets the variables.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
