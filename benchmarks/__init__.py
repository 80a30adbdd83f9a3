"""What ``make bench`` prints."""
