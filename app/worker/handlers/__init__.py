"""What runs each kind of job, one thin file each."""
