"""Runs every benchmark, one after the other: `python -m tests.benchmarks`; `--size 1000000` adds a size of growth."""

import sys

from tests.benchmarks import (
    bench_growth,
    bench_inventory,
    bench_issuing,
    bench_lighthouse,
    bench_pages,
    bench_record,
    bench_revocation,
    bench_service,
)

bench_issuing.main()
bench_record.main()
bench_service.main()
bench_inventory.main()
bench_revocation.main()
bench_pages.main()
bench_lighthouse.main()
bench_growth.main(sys.argv[1:])
