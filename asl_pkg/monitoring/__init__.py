"""Has what the model is shown moved away from what it was measured on?"""
