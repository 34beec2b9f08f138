"""Have the images that the model is shown drifted from those that it was measured on?"""
