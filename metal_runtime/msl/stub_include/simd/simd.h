// Stands for Metal's header while only the user's own text is preprocessed.
