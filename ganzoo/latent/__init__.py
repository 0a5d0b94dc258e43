"""Looking about in a trained model's latent space: walks between seeds and between sentences, planes, codes, truncation."""
