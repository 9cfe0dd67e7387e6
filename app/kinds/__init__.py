"""The kinds of job: what each is called, takes, needs, draws and is followed by, one file each."""
