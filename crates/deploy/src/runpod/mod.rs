//! RunPod, through version 2 of its interface.
