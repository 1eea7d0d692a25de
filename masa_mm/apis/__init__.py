"""What users call: the command line of the tools."""
