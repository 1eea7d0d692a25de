"""What a sign pose is: the 49 joints, source layouts, part crops, and the files that hold poses."""
