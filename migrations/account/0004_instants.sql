-- Dates are text in UTC from here on, of the same form, so that they sort as the moments do. Before, they were text in
-- the account's time zone. The program puts what that zone adds up to into temp.local_time, in the order of `until`: a
-- local date before it becomes UTC by this shift. Of a date that a zone shows twice the first is meant. The table is
-- empty where the zone is UTC. A date at the very ends of the years 0 to 9999 stays as it is.
UPDATE ticket SET
    closed_at = COALESCE(datetime(closed_at, (SELECT shift FROM temp.local_time WHERE until > closed_at ORDER BY until LIMIT 1)), closed_at),
    created_at = COALESCE(datetime(created_at, (SELECT shift FROM temp.local_time WHERE until > created_at ORDER BY until LIMIT 1)), created_at),
    last_update = COALESCE(datetime(last_update, (SELECT shift FROM temp.local_time WHERE until > last_update ORDER BY until LIMIT 1)), last_update),
    last_update_agent = COALESCE(datetime(last_update_agent, (SELECT shift FROM temp.local_time WHERE until > last_update_agent ORDER BY until LIMIT 1)), last_update_agent),
    last_update_customer = COALESCE(datetime(last_update_customer, (SELECT shift FROM temp.local_time WHERE until > last_update_customer ORDER BY until LIMIT 1)), last_update_customer),
    sla_breach_customer_wait_time = COALESCE(datetime(sla_breach_customer_wait_time, (SELECT shift FROM temp.local_time WHERE until > sla_breach_customer_wait_time ORDER BY until LIMIT 1)), sla_breach_customer_wait_time),
    sla_breach_first_reply_time = COALESCE(datetime(sla_breach_first_reply_time, (SELECT shift FROM temp.local_time WHERE until > sla_breach_first_reply_time ORDER BY until LIMIT 1)), sla_breach_first_reply_time),
    sla_breach_next_reply_time = COALESCE(datetime(sla_breach_next_reply_time, (SELECT shift FROM temp.local_time WHERE until > sla_breach_next_reply_time ORDER BY until LIMIT 1)), sla_breach_next_reply_time),
    sla_breach_user_work_time = COALESCE(datetime(sla_breach_user_work_time, (SELECT shift FROM temp.local_time WHERE until > sla_breach_user_work_time ORDER BY until LIMIT 1)), sla_breach_user_work_time),
    sla_next_breach = COALESCE(datetime(sla_next_breach, (SELECT shift FROM temp.local_time WHERE until > sla_next_breach ORDER BY until LIMIT 1)), sla_next_breach),
    snooze_time = COALESCE(datetime(snooze_time, (SELECT shift FROM temp.local_time WHERE until > snooze_time ORDER BY until LIMIT 1)), snooze_time),
    snooze_time_sent = COALESCE(datetime(snooze_time_sent, (SELECT shift FROM temp.local_time WHERE until > snooze_time_sent ORDER BY until LIMIT 1)), snooze_time_sent)
WHERE EXISTS (SELECT 1 FROM temp.local_time);

UPDATE timeline SET
    created_at = COALESCE(datetime(created_at, (SELECT shift FROM temp.local_time WHERE until > created_at ORDER BY until LIMIT 1)), created_at)
WHERE EXISTS (SELECT 1 FROM temp.local_time);

-- closed_on is the day of closed_at in UTC.
DELETE FROM tally WHERE EXISTS (SELECT 1 FROM temp.local_time);
INSERT INTO tally (status, priority, is_assigned, closed_on, tickets)
SELECT status, priority, assigned_group_id <> 0 OR assigned_user_id <> 0, COALESCE(SUBSTR(closed_at, 1, 10), ''), COUNT(*)
FROM ticket WHERE EXISTS (SELECT 1 FROM temp.local_time) GROUP BY 1, 2, 3, 4;
