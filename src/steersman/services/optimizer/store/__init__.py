"""What the optimizer keeps and reaches: its tables, knobs of any service, and guards as they are measured."""
