"""What a model version goes through: installed or imported, activated, followed by the next job, removed."""
