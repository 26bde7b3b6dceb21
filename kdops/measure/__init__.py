"""The costs of running a bundle: latency, CPU time, memory, storage, each read in a clean process."""
