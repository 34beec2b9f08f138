"""Files and folders on this machine and in S3, written atomically."""
