"""The proof by kills: nothing that was acknowledged is lost, nothing is half done."""
