"""Files and folders here and in S3, written whole or not at all."""
