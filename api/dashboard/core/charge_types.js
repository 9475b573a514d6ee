// The types of charges in words.

export const CHARGE_TYPES = { socket: "Domestic socket", ac: "AC", dc: "DC" };
