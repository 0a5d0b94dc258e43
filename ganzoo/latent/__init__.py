"""Looking about in a trained model's latent space: walks between seeds, planes, codes, truncation."""
