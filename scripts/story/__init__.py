"""The demo's cars, each with something to tell: a past that ends now, and a life that goes on."""
