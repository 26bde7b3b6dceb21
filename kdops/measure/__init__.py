"""What a bundle costs to run: latency, CPU time, memory, storage, each read in a clean process."""
