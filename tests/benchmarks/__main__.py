"""Runs every benchmark, one after the other: `python -m tests.benchmarks`."""

from tests.benchmarks import bench_inventory, bench_issuing, bench_record, bench_revocation, bench_service

bench_issuing.main()
bench_record.main()
bench_service.main()
bench_inventory.main()
bench_revocation.main()
