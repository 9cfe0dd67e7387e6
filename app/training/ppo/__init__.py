"""Reinforcement learning with PPO: a value head on the policy, its rewards and advantages, and its losses."""
