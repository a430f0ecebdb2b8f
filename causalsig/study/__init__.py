"""What is asked: the study file, its models and digest, and the provider's inventory of sites."""
