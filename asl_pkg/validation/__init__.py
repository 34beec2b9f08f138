"""What validate measures, which gates decide, and how the report looks."""
