"""What authors of actions write against: Action, Runner, launchers and the registry."""
