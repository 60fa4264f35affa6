"""The log-density of a bound model: values, transforms, what is summed out, and how it is evaluated fast."""
