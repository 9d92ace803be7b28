"""The domain: what is true about money and tickets; attrs and the standard library, nothing else."""
