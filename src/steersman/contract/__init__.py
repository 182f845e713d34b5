"""What a part of the platform declares, and what it may ask for. The only thing a plug-in has to know."""
