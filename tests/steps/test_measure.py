from kdops.measure.cost import Cost

COST = Cost(
    latency_p50_ms=2,
    latency_p95_ms=3,
    latency_p99_ms=4,
    throughput_per_s=500,
    cpu_ms_per_text=2,
    ram_peak_mb=80,
    ram_model_mb=20,
    storage_mb=4,
    load_ms=50,
    cold_start_ms=400,
    parameters=1000,
)
