"""The confined side: processes that touch the paths clients name."""
