"""What the report says in numbers: means, ranks, tests, costs, comparisons."""
