"""Jobs: `store` keeps their stories, `queue` knows arq, `lease` says who works, `run_job` is one from start to end."""
