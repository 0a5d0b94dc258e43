"""Training: options to a run (`run`), the loop (`loop`), accelerate (`engine`), and what a run folder keeps."""
