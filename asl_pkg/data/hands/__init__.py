"""Images of synthetic hands: an articulated skeleton with flesh, a light, a camera and a room."""
