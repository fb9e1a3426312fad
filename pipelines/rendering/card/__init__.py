"""The dataset card for the Hugging Face hub, and Croissant for other tools."""
