"""The sample clinic: invented people at every stage of treatment, made by the services that real people use."""
