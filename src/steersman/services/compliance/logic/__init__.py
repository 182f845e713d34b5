"""Requirements out of text, looks at facts, and the judgement that makes a report of both."""
