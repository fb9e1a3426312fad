"""Takes images from a folder that img2dataset wrote, in the place of downloading."""
