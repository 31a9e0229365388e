"""What error counts can and cannot tell: intervals, paired tests, who pays for a difference."""
