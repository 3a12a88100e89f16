"""The lazy graph: operators on buffers in, few fused kernels out, run when a value is needed."""
